"""Linear regression in an l_p norm."""
