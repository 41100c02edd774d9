from .affine_form import AffineForm as AffineForm
from .full_order_model import FullOrderModel as FullOrderModel
from .full_order_model import FullOrderResult as FullOrderResult
from .parametric_pde import ParametricPDE as ParametricPDE
from .pointwise_term import PointwiseTerm as PointwiseTerm
from .pointwise_term import RestrictedTerm as RestrictedTerm
from .snapshots import Snapshots as Snapshots
