" Made by `smtpdsl highlight vim` from smtpdsl/grammar.lark; change that, or the template.

" Take the file for smtpd.conf if one of its first lines begins with the pattern.
function! s:Detect(pattern) abort
  if &filetype !=# 'smtpdconf' && match(getline(1, 200), '^\s*' . a:pattern) >= 0
    set filetype=smtpdconf
  endif
endfunction

autocmd BufNewFile,BufRead smtpd.conf,smtpd.conf.*,*.smtpd.conf set filetype=smtpdconf
autocmd BufRead */smtpd/*.conf call s:Detect('\%(accept\|action\|admd\|bounce\|bounce-warn\|ca\|ciphers\|curve\|dkim-sign\|enqueuer\|expire\|filter\|filterchain\|include\|limit\|listen\|match\|max-message-size\|max-mta-deferred\|mda\|mta\|oauth-issuer\|pki\|proc\|queue\|reject\|scheduler\|smtp\|srs\|subaddressing-delimiter\|table\)[ \t]\+[^ \t={]')
autocmd BufRead *.conf call s:Detect('\%(accept[ \t]\+\%(alias\|authenticated\|deliver\|expire\|for\|forward-only\|from\|recipient\|relay\|sender\|tagged\|userbase\|virtual\)\|action[ \t]\+[^ \t]\+[ \t]\+\%(expand-only\|forward-only\|lmtp\|maildir\|mbox\|mda\|relay\)\|ca[ \t]\+[^ \t]\+[ \t]\+\%(cert\|certificate\)\|dkim-sign[ \t]\+[^ \t]\+[ \t]\+\%(key\)\|enqueuer[ \t]\+\%(filter\)\|filter[ \t]\+[^ \t]\+[ \t]\+\%(chain\|phase\|proc\|proc-exec\)\|limit[ \t]\+\%(mda\|mta\|scheduler\|session\)\|oauth-issuer[ \t]\+[^ \t]\+[ \t]\+\%(for\|key\|user\)\|pki[ \t]\+[^ \t]\+[ \t]\+\%(ca\|cert\|certificate\|dhe\|dhparams\|key\)\|reject[ \t]\+\%(alias\|authenticated\|for\|from\|recipient\|sender\|tagged\|userbase\|virtual\)\)')
