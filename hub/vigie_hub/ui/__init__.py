"""The page: what people in front of the hub see, in English, French and Arabic."""
