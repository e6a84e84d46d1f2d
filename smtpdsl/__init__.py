"""smtpdsl: a mail server whose configuration language, OpenSMTPD's smtpd.conf, is compiled."""

__version__ = "0.1.0"
