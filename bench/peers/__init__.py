"""Other ticket systems as they make tickets by themselves, for a rate beside ours. Nothing of Qulaq is imported here."""
