"""Labels from people: a round's batch goes out as a file, and their answers come back as one."""
