from .auto import Auto as Auto
from .auto import choose as choose
