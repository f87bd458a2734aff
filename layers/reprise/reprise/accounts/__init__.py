"""Who is asking: accounts, their keys, and what they may do."""
