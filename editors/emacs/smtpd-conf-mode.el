;;; smtpd-conf-mode.el --- Major mode for smtpd.conf(5)  -*- lexical-binding: t; -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "26.1"))
;; Keywords: languages, mail

;;; Commentary:

;; Colours, comments, indentation and snippets for the configuration of OpenSMTPD and smtpdsl, of all releases.
;; Made by `smtpdsl highlight emacs` from smtpdsl/grammar.lark; change that, or the template.

;;; Code:

(require 'subr-x)

(defgroup smtpd-conf nil
  "Configuration of mail servers."
  :group 'languages)

(defcustom smtpd-conf-indent-offset 4
  "How far a line in braces is indented."
  :type 'integer
  :safe #'integerp)

(defface smtpd-conf-option '((t :inherit font-lock-type-face))
  "An option of a statement.")
(defface smtpd-conf-value '((t :inherit font-lock-constant-face))
  "A keyword that is the value of an option.")
(defface smtpd-conf-reference '((t :inherit font-lock-variable-name-face))
  "Where the value of a macro is to stand.")
(defface smtpd-conf-table '((t :inherit font-lock-function-name-face))
  "The name of a table between its brackets.")
(defface smtpd-conf-number '((t :inherit font-lock-constant-face))
  "A number, a size or a time.")
(defface smtpd-conf-reserved '((t :inherit font-lock-warning-face))
  "A word that is no name where it stands.")

;;;; What the grammar says

(defconst smtpd-conf--statements
  '(
    ("accept" legacy
     ("alias" "as" "auth" "authenticated" "backup" "ca" "certificate" "deliver" "domain" "expire" "for"
      "forward-only" "from" "helo" "hostname" "hostnames" "lmtp" "maildir" "mda" "pki" "rcpt-to"
      "recipient" "relay" "sender" "source" "tagged" "tls" "to" "userbase" "verify" "via" "virtual")
     ("any" "local" "mbox"))
    ("action" modern
     ("alias" "auth" "backup" "ca" "ciphers" "domain" "expand-only" "filter" "forward-only" "helo"
      "helo-src" "host" "junk" "lmtp" "mail-from" "maildir" "mbox" "mda" "mx" "no-dane" "no-mta-sts" "pki"
      "protocols" "rcpt-to" "relay" "require-dane" "require-mta-sts" "src" "srs" "tls" "ttl" "user"
      "userbase" "virtual" "wrapper")
     ("no-verify"))
    ("admd" modern
     ()
     ())
    ("bounce" modern
     ("report-template" "warn-interval")
     ())
    ("bounce-warn" legacy
     ()
     ())
    ("ca" both
     ("cert" "certificate")
     ())
    ("ciphers" legacy
     ()
     ())
    ("curve" legacy
     ()
     ())
    ("dkim-sign" modern
     ("key")
     ())
    ("enqueuer" legacy
     ("filter")
     ())
    ("expire" legacy
     ()
     ())
    ("filter" both
     ("auth" "bypass" "chain" "chroot" "disconnect" "fcrdns" "group" "helo" "junk" "mail-from" "match"
      "phase" "proc" "proc-exec" "rcpt-to" "rdns" "regex" "reject" "report" "rewrite" "src" "user")
     ("commit" "connect" "data" "ehlo"))
    ("filterchain" legacy
     ()
     ())
    ("include" both
     ()
     ())
    ("limit" legacy
     ("domain" "for" "inet4" "inet6" "mda" "mta" "scheduler" "session")
     ())
    ("listen" both
     ("auth" "auth-optional" "bare-lf" "ca" "certificate" "ciphers" "dsn-notify" "dsn-ret" "filter"
      "hostname" "hostnames" "inet4" "inet6" "lmtp" "mask-source" "mask-src" "masquerade" "no-chunking"
      "no-dsn" "on" "pki" "port" "protocols" "proxy-v1" "proxy-v2" "received-auth" "secure" "senders"
      "smtps" "ssl" "tag" "tls" "tls-require" "xclient")
     ("disable" "headers" "smtp" "socket" "verify"))
    ("match" modern
     ("action" "auth" "domain" "for" "from" "helo" "mail-from" "rcpt-to" "rdns" "regex" "reject" "src"
      "tag" "tls")
     ("any" "local" "socket"))
    ("max-message-size" legacy
     ()
     ())
    ("max-mta-deferred" legacy
     ()
     ())
    ("mda" modern
     ("domain" "for" "limit" "on" "retry-after" "wrapper")
     ())
    ("mta" modern
     ("domain" "for" "inet4" "inet6" "limit" "max-deferred" "on" "retry-after" "trust-resolver")
     ())
    ("oauth-issuer" modern
     ("for" "key" "user")
     ())
    ("pki" both
     ("ca" "cert" "certificate" "dhe" "dhparams" "key")
     ())
    ("proc" modern
     ("chroot" "group" "user")
     ())
    ("queue" both
     ("backup" "compression" "encryption" "key" "ttl")
     ())
    ("reject" legacy
     ("alias" "authenticated" "domain" "for" "from" "recipient" "sender" "source" "tagged" "userbase"
      "virtual")
     ("any" "local"))
    ("scheduler" modern
     ("limit")
     ())
    ("smtp" modern
     ("ciphers" "limit" "max-message-size" "sub-addr-delim")
     ())
    ("srs" modern
     ("backup" "key" "ttl")
     ())
    ("subaddressing-delimiter" legacy
     ()
     ())
    ("table" both
     ()
     ())
    )
  "Each statement: its head, who has it, its options, its values.")

(defconst smtpd-conf--reserved
  '(
    (modern
     "action" "admd" "alias" "any" "auth" "auth-optional" "backup" "bare-lf" "bounce" "bypass" "ca"
     "cert" "chain" "chroot" "ciphers" "commit" "compression" "connect" "data" "data-line" "dhe"
     "disconnect" "dkim-sign" "domain" "ehlo" "encryption" "expand-only" "fcrdns" "filter" "for"
     "forward-only" "from" "group" "helo" "helo-src" "host" "hostname" "hostnames" "include" "inet4"
     "inet6" "junk" "key" "limit" "listen" "lmtp" "local" "mail-from" "maildir" "mask-src" "masquerade"
     "match" "max-deferred" "max-message-size" "mbox" "mda" "mta" "mx" "no-chunking" "no-dane" "no-dsn"
     "no-mta-sts" "no-verify" "noop" "oauth-issuer" "on" "phase" "pki" "port" "proc" "proc-exec"
     "protocols" "proxy-v1" "proxy-v2" "queue" "quit" "rcpt-to" "rdns" "received-auth" "recipient"
     "regex" "reject" "relay" "report" "report-template" "require-dane" "require-mta-sts" "retry-after"
     "rewrite" "rset" "scheduler" "senders" "smtp" "smtp-in" "smtp-out" "smtps" "socket" "src" "srs"
     "sub-addr-delim" "table" "tag" "tagged" "tls" "tls-require" "trust-resolver" "ttl" "user" "userbase"
     "verify" "virtual" "warn-interval" "wrapper" "xclient")
    (legacy
     "accept" "alias" "any" "as" "auth" "auth-optional" "backup" "bounce-warn" "certificate" "deliver"
     "domain" "expire" "filter" "for" "from" "hostname" "include" "listen" "lmtp" "local" "maildir"
     "max-message-size" "mbox" "mda" "on" "port" "reject" "relay" "sender" "smtps" "source" "table" "tag"
     "tagged" "tls" "tls-require" "to" "userbase" "via" "virtual")
    (both
     "alias" "any" "auth" "auth-optional" "backup" "domain" "filter" "for" "from" "hostname" "include"
     "listen" "lmtp" "local" "maildir" "max-message-size" "mbox" "mda" "on" "port" "reject" "relay"
     "smtps" "table" "tag" "tagged" "tls" "tls-require" "userbase" "virtual")
    )
  "What is a name nowhere in the statements of these languages.")

(defconst smtpd-conf--word
  "[A-Za-z0-9:_]\\(?:[]A-Za-z0-9:_\"$%&'*+./;?@[`|~^-]\\|\\\\[^ \t(){}<>!=#,]\\|\\\\\n\\)*")
(defconst smtpd-conf--glued
  "[]A-Za-z0-9:_\"$%&'*+./;?@[`|~^-]+")
(defconst smtpd-conf--number
  "-?[0-9]+")
(defconst smtpd-conf--after-number
  "[ \t\n),/}=]\\|\\'")
(defconst smtpd-conf--quantity
  "[0-9]+\\(?:\\.[0-9]+\\)?[BEGKMPTbdeghkmpst]")
(defconst smtpd-conf--reference
  "\\$[A-Za-z0-9_]*")
(defconst smtpd-conf--comment
  "#\\(?:[^\\\n]\\|\\\\\\(?:.\\|\n\\)\\|\\\\\\'\\)*")
(defconst smtpd-conf--evidence
  "^[ \t]*\\(?:accept[ \t]+\\(?:alias\\|authenticated\\|deliver\\|expire\\|for\\|forward-only\\|from\\|recipient\\|relay\\|sender\\|tagged\\|userbase\\|virtual\\)\\|action[ \t]+[^ \t\n]+[ \t]+\\(?:expand-only\\|forward-only\\|lmtp\\|maildir\\|mbox\\|mda\\|relay\\)\\|ca[ \t]+[^ \t\n]+[ \t]+\\(?:cert\\|certificate\\)\\|dkim-sign[ \t]+[^ \t\n]+[ \t]+\\(?:key\\)\\|enqueuer[ \t]+\\(?:filter\\)\\|filter[ \t]+[^ \t\n]+[ \t]+\\(?:chain\\|phase\\|proc\\|proc-exec\\)\\|limit[ \t]+\\(?:mda\\|mta\\|scheduler\\|session\\)\\|oauth-issuer[ \t]+[^ \t\n]+[ \t]+\\(?:for\\|key\\|user\\)\\|pki[ \t]+[^ \t\n]+[ \t]+\\(?:ca\\|cert\\|certificate\\|dhe\\|dhparams\\|key\\)\\|reject[ \t]+\\(?:alias\\|authenticated\\|for\\|from\\|recipient\\|sender\\|tagged\\|userbase\\|virtual\\)\\)"
  "The beginning of a line that no other program's file has.")
(defconst smtpd-conf--any-statement
  "^[ \t]*\\(?:accept\\|action\\|admd\\|bounce\\|bounce-warn\\|ca\\|ciphers\\|curve\\|dkim-sign\\|enqueuer\\|expire\\|filter\\|filterchain\\|include\\|limit\\|listen\\|match\\|max-message-size\\|max-mta-deferred\\|mda\\|mta\\|oauth-issuer\\|pki\\|proc\\|queue\\|reject\\|scheduler\\|smtp\\|srs\\|subaddressing-delimiter\\|table\\)[ \t]+[^ \t\n={]"
  "The beginning of a line that may be a statement.")

;;;; Strings and comments

(defvar smtpd-conf-mode-syntax-table
  (let ((table (make-syntax-table)))
    ;; What begins a string or a comment depends on what stands before it: see `smtpd-conf--propertize'.
    (dolist (sign (append "\"'#\\$%&*+./;<>=?@[]()^`|~,!" nil))
      (modify-syntax-entry sign "." table))
    (dolist (sign (append "-_:" nil))
      (modify-syntax-entry sign "_" table))
    (modify-syntax-entry ?{ "(}" table)
    (modify-syntax-entry ?} "){" table)
    table)
  "Syntax table of `smtpd-conf-mode'.")

(defun smtpd-conf--skip-string ()
  "Move from a quote to behind the one that closes it, or return nil if none does."
  (let ((sign (char-after)) (end nil))
    (save-excursion
      (forward-char)
      (while (and (not end) (search-forward (string sign) nil t))
        ;; A backslash protects the quote, and is itself protected by nothing.
        (unless (eq (char-before (1- (point))) ?\\)
          (setq end (point)))))
    (when end (goto-char end))))

(defun smtpd-conf--fence (start end syntax)
  "Mark the characters at START and before END as the fences of what SYNTAX says."
  (dolist (at (list start (1- end)))
    (when (< at (point-max))
      (put-text-property at (1+ at) 'syntax-table (string-to-syntax syntax)))))

(defun smtpd-conf--propertize (start end)
  "Find the strings and comments between START and END."
  (goto-char start)
  (let ((open (nth 8 (syntax-ppss))))
    (when open (goto-char open)))
  (while (< (point) end)
    (let ((from (point)))
      (cond
       ((looking-at smtpd-conf--comment)
        (goto-char (match-end 0))
        ;; The newline closes it.
        (smtpd-conf--fence from (min (1+ (point)) (point-max)) "!"))
       ((looking-at "[\"']")
        (if (smtpd-conf--skip-string)
            (smtpd-conf--fence from (point) "|")
          (smtpd-conf--fence from (1+ from) "|")
          (goto-char (point-max))))
       ((looking-at smtpd-conf--word) (goto-char (match-end 0)))
       ((looking-at smtpd-conf--reference)
        (goto-char (match-end 0))
        (when (looking-at smtpd-conf--glued) (goto-char (match-end 0))))
       (t (forward-char))))))

;;;; Colours

(defvar smtpd-conf--kinds nil
  "Tables of words and their faces by statement; nil has that of lists.")

(defun smtpd-conf--kinds ()
  "Return the table of tables, made when it is wanted first."
  (or smtpd-conf--kinds
      (let ((tables (make-hash-table :test #'equal)))
        (puthash nil (smtpd-conf--table 'both nil nil) tables)
        (dolist (statement smtpd-conf--statements)
          (puthash (car statement) (apply #'smtpd-conf--table (cdr statement)) tables))
        (setq smtpd-conf--kinds tables))))

(defun smtpd-conf--table (languages options values)
  "Return the faces of OPTIONS, VALUES and what LANGUAGES reserve."
  (let ((table (make-hash-table :test #'equal)))
    (dolist (word (cdr (assq languages smtpd-conf--reserved)))
      (puthash word 'smtpd-conf-reserved table))
    (dolist (word options) (puthash word 'smtpd-conf-option table))
    (dolist (word values) (puthash word 'smtpd-conf-value table))
    table))

(defun smtpd-conf--to-statement ()
  "Move to the beginning of the line that the statement at point begins on."
  (beginning-of-line)
  (while (and (not (bobp))
              (or (eq (char-before (1- (point))) ?\\)
                  (let ((state (syntax-ppss))) (or (nth 8 state) (> (car state) 0)))))
    (forward-line -1)))

(defun smtpd-conf--paint (face &optional start end)
  "Give FACE to START to END, or to what was matched."
  (put-text-property (or start (match-beginning 0)) (or end (match-end 0)) 'face face))

(defun smtpd-conf--fontify (limit)
  "Colour the statements from the one at point to LIMIT.
Returns nil, for nothing is left to do."
  (smtpd-conf--to-statement)
  (let ((head nil) (is-begun nil) (depth 0) (in-name nil))
    (while (< (point) limit)
      (cond
       ((looking-at "[ \t]+\\|\\\\\n?") (goto-char (match-end 0)))
       ((eq (char-after) ?\n)
        (setq in-name nil)
        (when (= depth 0) (setq head nil is-begun nil))
        (forward-char))
       ((looking-at smtpd-conf--comment) (goto-char (match-end 0)))
       (t
        (pcase-let ((`(,is-word . ,word) (smtpd-conf--token in-name)))
          (cond
           (is-begun
            (when (and is-word (not in-name))
              (let ((face (gethash word (gethash (if (= depth 0) head nil) (smtpd-conf--kinds) (make-hash-table)))))
                (when face (smtpd-conf--paint face)))))
           ((save-excursion (goto-char (match-end 0)) (looking-at-p "[ \t]*="))
            (when is-word (smtpd-conf--paint 'font-lock-variable-name-face))
            (setq head ""))
           ((and is-word (gethash word (smtpd-conf--kinds)))
            (smtpd-conf--paint 'font-lock-keyword-face)
            (setq head word))
           (t (setq head "")))
          (setq is-begun t)
          (pcase word
            ("{" (setq depth 1))
            ("}" (setq depth 0))
            ("<" (setq in-name t))
            (">" (setq in-name nil)))
          (goto-char (match-end 0))
          (when (and (string-prefix-p "$" word) (looking-at smtpd-conf--glued))
            (goto-char (match-end 0))))))))
  nil)

(defun smtpd-conf--token (in-name)
  "Match the token at point, and colour what it is by itself.
Returns whether it is a word, and its text.  IN-NAME says that it stands
between angle brackets."
  (let ((is-word nil))
    (cond
     ((looking-at "[\"']")
      (let ((end (save-excursion (or (smtpd-conf--skip-string) (point-max)))))
        (set-match-data (list (point) end))))
     ((and (looking-at smtpd-conf--number)
           (save-excursion (goto-char (match-end 0)) (looking-at-p smtpd-conf--after-number)))
      (smtpd-conf--paint 'smtpd-conf-number))
     ((looking-at smtpd-conf--word)
      (let ((data (match-data)) (end (match-end 0)))
        (if (and (looking-at smtpd-conf--quantity) (= (match-end 0) end))
            (smtpd-conf--paint 'smtpd-conf-number)
          (set-match-data data)
          (setq is-word t)
          (when in-name (smtpd-conf--paint 'smtpd-conf-table)))))
     ((looking-at smtpd-conf--reference) (smtpd-conf--paint 'smtpd-conf-reference))
     ((looking-at "=>"))
     ((looking-at "[<>]") (smtpd-conf--paint 'smtpd-conf-table))
     ((looking-at "!") (smtpd-conf--paint 'font-lock-negation-char-face))
     (t (looking-at ".")))
    (cons is-word
          (let ((text (match-string-no-properties 0)))
            ;; A word may be broken in two by a backslash.
            (if is-word (save-match-data (replace-regexp-in-string "\\\\\n?" "" text)) text)))))

(defvar font-lock-beg)
(defvar font-lock-end)

(defun smtpd-conf--extend-region ()
  "Let what is coloured begin where a statement does."
  (let ((start (save-excursion (goto-char font-lock-beg) (smtpd-conf--to-statement) (point))))
    (when (< start font-lock-beg)
      (setq font-lock-beg start))))

;;;; Indentation

(defun smtpd-conf-indent-line ()
  "Indent the line: what stands in braces, and what continues a statement."
  (interactive)
  (let* ((depth (save-excursion (beginning-of-line) (car (syntax-ppss))))
         (is-closing (save-excursion (back-to-indentation) (eq (char-after) ?})))
         (is-continued (save-excursion (beginning-of-line) (eq (char-before (1- (point))) ?\\)))
         (steps (max 0 (+ (- depth (if is-closing 1 0)) (if (and is-continued (= depth 0)) 1 0))))
         (offset (- (current-column) (current-indentation))))
    (indent-line-to (* steps smtpd-conf-indent-offset))
    (when (> offset 0)
      (forward-char offset))))

(defun smtpd-conf-uncomment-region (beg end &optional _arg)
  "Uncomment the lines from BEG to END.
A comment that ends in a backslash goes on, and so does the statement in it:
the sign of the next line is then a part of it, and has to go all the same."
  (save-excursion
    (goto-char beg)
    (let ((end (copy-marker end)))
      (while (re-search-forward "^\\([ \t]*\\)# ?" end t)
        (replace-match "\\1"))
      (set-marker end nil))))

;;;; Snippets

(defconst smtpd-conf--snippets
  '(
    ("macro" "A text to be used in several places"
(1 "mail_host")
" = \""
(2 "mail.example.org")
"\"")
    ("pki" "A certificate and its key"
"pki "
(1 "mail.example.org")
" cert \""
(2 "/etc/ssl/mail.example.org.pem")
"\"\npki "
(1 "mail.example.org")
" key \""
(3 "/etc/ssl/private/mail.example.org.key")
"\"")
    ("table-file" "A table in a file, one entry a line"
"table "
(1 "aliases")
" file:"
(2 "/etc/mail/aliases"))
    ("table-list" "A table of single entries"
"table "
(1 "domains")
" { \""
(2 "example.org")
"\", \""
(3 "example.net")
"\" }")
    ("table-map" "A table of keys and values"
"table "
(1 "secrets")
" {\n    "
(2 "provider")
" = \""
(3 "user:password")
"\"\n}")
    ("filter" "Refuse a client at a phase of the session"
"filter \""
(1 "no-rdns")
"\" phase connect match !"
(2 "rdns" "fcrdns")
" disconnect \""
(3 "550 no reverse DNS name")
"\"")
    ("filter-program" "A program that sees every session"
"filter \""
(1 "rspamd")
"\" proc-exec \""
(2 "filter-rspamd")
"\"")
    ("filter-chain" "Filters, one after the other"
"filter \""
(1 "incoming")
"\" chain { \""
(2 "no-rdns")
"\", \""
(3 "rspamd")
"\" }")
    ("listen" "Take mail from other servers"
"listen on "
(1 "0.0.0.0")
" tls pki "
(2 "mail.example.org")
" hostname "
(2 "mail.example.org")
" filter \""
(3 "incoming")
"\"")
    ("listen-submission" "Take mail from people who log in"
"listen on "
(1 "0.0.0.0")
" port "
(2 "465")
" smtps pki "
(3 "mail.example.org")
" auth mask-src\nlisten on "
(1 "0.0.0.0")
" port "
(4 "submission")
" tls-require pki "
(3 "mail.example.org")
" auth mask-src")
    ("action-maildir" "Deliver to the mailboxes of users"
"action \""
(1 "in")
"\" maildir \""
(2 "~/Maildir")
"\" alias <"
(3 "aliases")
">")
    ("action-lmtp" "Hand mail to another server of this machine"
"action \""
(1 "lmtp")
"\" lmtp \""
(2 "/run/dovecot/lmtp")
"\" rcpt-to")
    ("action-mda" "Hand mail to a program"
"action \""
(1 "program")
"\" mda \""
(2 "/usr/local/bin/deliver -d %{user.username")
"}\"")
    ("action-relay" "Send mail to the servers of its domain"
"action \""
(1 "out")
"\" relay helo "
(2 "mail.example.org"))
    ("action-smarthost" "Send all mail through one server"
"action \""
(1 "smarthost")
"\" relay host "
(2 "smtps" "smtp+tls")
"://"
(3 "provider")
"@"
(4 "smtp.example.net")
" auth <"
(5 "secrets")
">")
    ("match-local" "Mail of this machine for this machine"
"match from local for local action \""
(1 "in")
"\"")
    ("match-domain" "Mail from anywhere for our domains"
"match from any for domain <"
(1 "domains")
"> action \""
(2 "in")
"\"")
    ("match-auth" "Mail of people who have logged in, and of this machine, for the world"
"match from auth for any action \""
(1 "out")
"\"\nmatch from local for any action \""
(1 "out")
"\"")
    ("match-reject" "Refuse senders"
"match from any mail-from { \""
(1 "@example.com")
"\" } for any reject")
    ("accept-local" "Before 6.4: mail of this machine for this machine"
"accept from local for local alias <"
(1 "aliases")
"> deliver to "
(2 "maildir" "mbox"))
    ("accept-domain" "Before 6.4: mail from anywhere for our domains"
"accept from any for domain <"
(1 "domains")
"> deliver to "
(2 "maildir" "mbox"))
    ("accept-relay" "Before 6.4: mail of this machine for the world"
"accept from local for any relay")
    ("accept-via" "Before 6.4: all mail through one server"
"accept from local for any relay via "
(1 "smtps" "tls")
"+auth://"
(2 "provider")
"@"
(3 "smtp.example.net")
" auth <"
(4 "secrets")
">")
    )
  "Each snippet: its name, what it is, and its pieces.
A list is asked for: it has a number, and what to choose from.")

(defun smtpd-conf-insert-snippet (name)
  "Insert the snippet called NAME, asking for what is to be filled in."
  (interactive (list (completing-read "Snippet: " smtpd-conf--snippets nil t)))
  (let ((answers nil))
    (dolist (piece (cddr (assoc name smtpd-conf--snippets)))
      (insert
       (if (stringp piece)
           piece
         (pcase-let ((`(,number . ,texts) piece))
           (unless (assq number answers)
             (push (cons number
                         (if (cdr texts)
                             (completing-read "One of: " texts nil nil nil nil (car texts))
                           (read-string (format "Instead of %s: " (car texts)) nil nil (car texts))))
                   answers))
           (cdr (assq number answers))))))))

;;;; The mode

(defvar smtpd-conf-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c C-s") #'smtpd-conf-insert-snippet)
    map)
  "Keymap of `smtpd-conf-mode'.")

;;;###autoload
(define-derived-mode smtpd-conf-mode prog-mode "smtpd.conf"
  "Major mode for smtpd.conf(5)."
  (setq-local comment-start "# ")
  (setq-local comment-start-skip "#+[ \t]*")
  (setq-local comment-end "")
  (setq-local uncomment-region-function #'smtpd-conf-uncomment-region)
  (setq-local indent-line-function #'smtpd-conf-indent-line)
  (setq-local parse-sexp-lookup-properties t)
  (setq-local syntax-propertize-function #'smtpd-conf--propertize)
  (setq-local font-lock-defaults '(((smtpd-conf--fontify))))
  (add-hook 'font-lock-extend-region-functions #'smtpd-conf--extend-region nil t))

(defun smtpd-conf--looks-like-it ()
  "Whether the buffer is a *.conf that is this language by what is in it."
  (when (and buffer-file-name (string-match-p "\\.conf\\'" buffer-file-name))
    (let ((pattern (if (string-match-p "/smtpd/[^/]*\\'" buffer-file-name)
                       smtpd-conf--any-statement
                     smtpd-conf--evidence))
          (case-fold-search nil))
      (save-excursion
        (goto-char (point-min))
        (re-search-forward pattern (min (point-max) 16000) t)))))

;;;###autoload
(add-to-list 'auto-mode-alist '("/smtpd\\.conf\\(?:\\.[^/]*\\)?\\'" . smtpd-conf-mode))
;;;###autoload
(add-to-list 'auto-mode-alist '("\\.smtpd\\.conf\\'" . smtpd-conf-mode))
(add-to-list 'magic-mode-alist '(smtpd-conf--looks-like-it . smtpd-conf-mode))

(provide 'smtpd-conf-mode)
;;; smtpd-conf-mode.el ends here
