"""What people do about a surge: decide, explain, pass it to the right channel. Nothing here touches a ticket."""
