"""What is seen: cards, as text and as HTML."""
