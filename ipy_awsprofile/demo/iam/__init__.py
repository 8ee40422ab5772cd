"""Find the signer of a request, and evaluate whether IAM policies allow the request."""
