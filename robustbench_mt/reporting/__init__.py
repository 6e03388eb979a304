"""Records to tables, figures and a page."""
