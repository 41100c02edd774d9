"""Second-order training and curvature: published figures and tables, and those of the documentation."""
