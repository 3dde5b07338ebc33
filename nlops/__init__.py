"""nlops: say what you want in your own words, and the product does it."""
