"""Networks: parameters, first weights, layers, losses, and what is built of them."""
