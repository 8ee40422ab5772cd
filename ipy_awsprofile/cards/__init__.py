"""Display cards and tables as text and as HTML."""
