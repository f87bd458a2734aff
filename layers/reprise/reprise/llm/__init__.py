"""Models: which there are (the catalogue) and how to ask them (the providers)."""
