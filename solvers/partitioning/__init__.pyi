from .kmeans import block_kmeans as block_kmeans
from .medoids import k_medoids as k_medoids
