"""The mistakes people make in smtpd.conf, one file for each kind."""
