"""What stands behind each verb of the command line, one file each; imported when the verb is called."""
