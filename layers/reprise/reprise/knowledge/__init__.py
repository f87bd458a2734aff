"""What models may look things up in: documents as text, their passages, and the search in them."""
