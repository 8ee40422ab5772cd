"""What is shown: cards and tables, as text and as HTML."""
