"""Files of solutions: for reading them back, for xarray, and for viewers such as ParaView."""
