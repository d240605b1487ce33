"""What a corpus is worth in numbers: how diverse its rewrites are, and what the filters left of them."""
