"""The configurations of `receivers`: each takes mail for everybody.

FOLDER    what belongs to the server               ROOT, LIBRARIES      what its package was unpacked into
PORT      where it listens, on 127.0.0.1           LOGIN, PASSWORD      what it wants to be told
"""

from __future__ import annotations

EXIM = """
exim_path = ROOT/usr/sbin/exim4
primary_hostname = mx.far.example
spool_directory = FOLDER/spool
log_file_path = FOLDER/spool/%slog
pid_file_path =
tls_advertise_hosts = *
tls_certificate = FOLDER/mx.crt
tls_privatekey = FOLDER/mx.key
chunking_advertise_hosts = *
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
log_selector = +all
acl_smtp_rcpt = check
begin acl
check:
  accept authenticated = *
  deny message = log in first
begin routers
everybody:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  directory = FOLDER/inbox
  maildir_format
  create_file = anywhere
  user = joe
  message_prefix =
  message_suffix =
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${if def:tls_in_cipher}
  server_set_id = $auth2
  server_condition = ${if and{{eq{$auth2}{LOGIN}}{eq{$auth3}{PASSWORD}}}}
"""
POSTFIX = """
compatibility_level = 3.6
queue_directory = FOLDER/queue
data_directory = FOLDER/data
daemon_directory = ROOT/usr/lib/postfix/sbin
command_directory = ROOT/usr/sbin
shlib_directory = ROOT/usr/lib/postfix
meta_directory = FOLDER/conf
sendmail_path = ROOT/usr/sbin/sendmail
newaliases_path = ROOT/usr/sbin/sendmail
mailq_path = ROOT/usr/sbin/sendmail
import_environment = LD_LIBRARY_PATH=LIBRARIES MAIL_CONFIG MAIL_LOGTAG POSTLOG_SERVICE POSTLOG_HOSTNAME LANG=C TZ
maillog_file = FOLDER/log
maillog_file_prefixes = FOLDER
myhostname = mx.far.example
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
alias_database =
virtual_mailbox_domains = static:ALL
virtual_mailbox_maps = static:inbox/
virtual_mailbox_base = FOLDER
virtual_uid_maps = static:UID
virtual_gid_maps = static:UID
virtual_minimum_uid = 1
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions =
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = FOLDER/auth
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = FOLDER/mx.crt
smtpd_tls_key_file = FOLDER/mx.key
smtpd_tls_received_header = yes
smtpd_sasl_authenticated_header = yes
"""
SERVICES = """
PORT inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""
# What checks logins for Postfix, and knows more mechanisms than Exim.
DOVECOT = """
base_dir = FOLDER/run
state_dir = FOLDER/state
log_path = FOLDER/dovecot-log
protocols =
ssl = no
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
auth_mechanisms = MECHANISMS
passdb {
  driver = passwd-file
  args = FOLDER/users
}
userdb {
  driver = static
  args = uid=1000 gid=1000 home=/nonexistent
}
service auth {
  unix_listener FOLDER/auth {
    mode = 0666
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
"""
OPENSMTPD = """
listen on 127.0.0.1 port PORT hostname mx.far.example
action "in" mda "cd FOLDER/inbox && cat >x && mkdir new && mv x new" virtual { "@" = joe }
match from any for any action "in"
"""
