"""From the text of smtpd.conf to a program: one pass per file, in the order of the pipeline."""
