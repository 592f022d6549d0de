"""`vigie agent doctor`: what each camera really sends, which of its settings to change, and what that gains."""
