"""Drawings of plates as the street shows them: many stampers, years of wear, cheap cameras in bad light."""
