"""Pure detection of surges. Nothing that numbers, dates, routes or ranks a ticket may import it."""
