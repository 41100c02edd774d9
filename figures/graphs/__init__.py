"""Graph clustering: published figures and tables, and those of the documentation."""
