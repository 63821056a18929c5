"""What an operator edits: settings, knowledge, languages; and the code that reads them."""
