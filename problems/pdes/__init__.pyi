from . import gp_hm as gp_hm
