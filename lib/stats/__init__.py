"""Statistics: linear models, estimators and their risks, bias and variance, transfer, expectations."""
