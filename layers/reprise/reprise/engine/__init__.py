"""The use cases: what a surface asks for, whatever its wire looks like."""
