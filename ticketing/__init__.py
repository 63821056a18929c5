"""From a judged post to a number, a responsible person, a deadline and an answer."""
