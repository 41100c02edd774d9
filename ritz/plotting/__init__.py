"""Pictures of solutions, the style of all figures, and figures by name."""
