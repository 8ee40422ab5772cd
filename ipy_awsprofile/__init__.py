"""One line moves a notebook to an AWS identity."""
