" Vim syntax file
" Language: smtpd.conf(5), of all releases
" Made by `smtpdsl highlight vim` from smtpdsl/grammar.lark; change that, or the template.

if exists('b:current_syntax')
  finish
endif
let s:cpo_save = &cpoptions
set cpoptions&vim

syn case match
syn sync fromstart
" The characters of a word: a keyword is a whole one, and \> is its end.
syn iskeyword 34,36,37,38,39,42,43,45,46,47,48-57,58,59,63,64,65-90,91,93,94,95,96,97-122,124,126

" ---- Tokens.  Where several begin, the one defined last counts, and a keyword before all.

syn cluster smtpdconfToken contains=smtpdconfWord,smtpdconfNumber,smtpdconfMacro,smtpdconfString,smtpdconfComment
syn cluster smtpdconfToken add=smtpdconfTableName,smtpdconfNegation,smtpdconfOperator,smtpdconfList

syn match smtpdconfWord /[A-Za-z0-9:_]\%([\-A-Za-z0-9:_"$%&'*+./;?@[\]\^`|~]\|\\\_[^ \t(){}<>!=#,]\|\\\n\)*/ contained
syn match smtpdconfNumber /[0-9]\+\%(\.[0-9]\+\)\=[BEGKMPTbdeghkmpst]\>/ contained
syn match smtpdconfNumber /-\=[0-9]\+\%(\_[ \t),/}=]\|\%$\)\@=/ contained
" What follows a reference without a blank belongs to the text that takes its place.
syn match smtpdconfMacro /\$[A-Za-z0-9_]*/ contained nextgroup=smtpdconfGlued
syn match smtpdconfGlued /[\-A-Za-z0-9:_"$%&'*+./;?@[\]\^`|~]\+/ contained
syn match smtpdconfEscape /\\"/ contained
syn region smtpdconfString start=/"/ skip=/\\"/ end=/"/ contained contains=smtpdconfEscape
syn match smtpdconfEscape /\\'/ contained
syn region smtpdconfString start=/'/ skip=/\\'/ end=/'/ contained contains=smtpdconfEscape
syn region smtpdconfTableName start=/</ end=/>/ contained oneline contains=smtpdconfString,smtpdconfMacro
syn match smtpdconfNegation /!/ contained
syn match smtpdconfOperator /=>\=/ contained
syn region smtpdconfList matchgroup=smtpdconfBrace start=/{/ end=/}/ contained fold contains=@smtpdconfToken,smtpdconfReservedBoth

" ---- Words that are no names, where a statement has no other use for them.

syn match smtpdconfReservedModern /\%(action\|admd\|alias\|any\|auth\|auth-optional\|backup\|bare-lf\|bounce\|bypass\|ca\|cert\|chain\|chroot\|ciphers\|commit\|compression\|connect\|data\|data-line\|dhe\|disconnect\|dkim-sign\|domain\|ehlo\|encryption\|expand-only\|fcrdns\|filter\|for\|forward-only\|from\|group\|helo\|helo-src\|host\|hostname\|hostnames\|include\|inet4\|inet6\|junk\|key\|limit\|listen\|lmtp\|local\|mail-from\|maildir\|mask-src\|masquerade\|match\|max-deferred\|max-message-size\|mbox\|mda\|mta\|mx\|no-chunking\|no-dane\|no-dsn\|no-mta-sts\|no-verify\|noop\|oauth-issuer\|on\|phase\|pki\|port\|proc\|proc-exec\|protocols\|proxy-v1\|proxy-v2\|queue\|quit\|rcpt-to\|rdns\|received-auth\|recipient\|regex\|reject\|relay\|report\|report-template\|require-dane\|require-mta-sts\|retry-after\|rewrite\|rset\|scheduler\|senders\|smtp\|smtp-in\|smtp-out\|smtps\|socket\|src\|srs\|sub-addr-delim\|table\|tag\|tagged\|tls\|tls-require\|trust-resolver\|ttl\|user\|userbase\|verify\|virtual\|warn-interval\|wrapper\|xclient\)\>/ contained
syn match smtpdconfReservedLegacy /\%(accept\|alias\|any\|as\|auth\|auth-optional\|backup\|bounce-warn\|certificate\|deliver\|domain\|expire\|filter\|for\|from\|hostname\|include\|listen\|lmtp\|local\|maildir\|max-message-size\|mbox\|mda\|on\|port\|reject\|relay\|sender\|smtps\|source\|table\|tag\|tagged\|tls\|tls-require\|to\|userbase\|via\|virtual\)\>/ contained
syn match smtpdconfReservedBoth /\%(alias\|any\|auth\|auth-optional\|backup\|domain\|filter\|for\|from\|hostname\|include\|listen\|lmtp\|local\|maildir\|max-message-size\|mbox\|mda\|on\|port\|reject\|relay\|smtps\|table\|tag\|tagged\|tls\|tls-require\|userbase\|virtual\)\>/ contained

" ---- Statements: a line, and those that a backslash, a brace or a quote adds to it.

syn region smtpdconfOther start=/^\s*\ze\S/ skip=/\\$/ end=/$/ contains=@smtpdconfToken
syn region smtpdconfDefinition matchgroup=smtpdconfMacroName start=/^\s*[A-Za-z0-9:_]\%([\-A-Za-z0-9:_"$%&'*+./;?@[\]\^`|~]\|\\\_[^ \t(){}<>!=#,]\|\\\n\)*\ze\s*=/ skip=/\\$/ end=/$/ contains=@smtpdconfToken

syn region smtpdconfInAccept matchgroup=smtpdconfHead start=/^\s*accept\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy,smtpdconfAcceptOption,smtpdconfAcceptValue
syn keyword smtpdconfAcceptOption contained alias as auth authenticated backup ca certificate deliver domain expire for
      \ forward-only from helo hostname hostnames lmtp maildir mda pki rcpt-to recipient
      \ relay sender source tagged tls to userbase verify via virtual
hi def link smtpdconfAcceptOption smtpdconfOption
syn keyword smtpdconfAcceptValue contained any local mbox
hi def link smtpdconfAcceptValue smtpdconfValue

syn region smtpdconfInAction matchgroup=smtpdconfHead start=/^\s*action\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern,smtpdconfActionOption,smtpdconfActionValue
syn keyword smtpdconfActionOption contained alias auth backup ca ciphers domain expand-only filter forward-only helo
      \ helo-src host junk lmtp mail-from maildir mbox mda mx no-dane no-mta-sts pki
      \ protocols rcpt-to relay require-dane require-mta-sts src srs tls ttl user
      \ userbase virtual wrapper
hi def link smtpdconfActionOption smtpdconfOption
syn keyword smtpdconfActionValue contained no-verify
hi def link smtpdconfActionValue smtpdconfValue

syn region smtpdconfInAdmd matchgroup=smtpdconfHead start=/^\s*admd\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern

syn region smtpdconfInBounce matchgroup=smtpdconfHead start=/^\s*bounce\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern,smtpdconfBounceOption
syn keyword smtpdconfBounceOption contained report-template warn-interval
hi def link smtpdconfBounceOption smtpdconfOption

syn region smtpdconfInBounceWarn matchgroup=smtpdconfHead start=/^\s*bounce-warn\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy

syn region smtpdconfInCa matchgroup=smtpdconfHead start=/^\s*ca\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedBoth,smtpdconfCaOption
syn keyword smtpdconfCaOption contained cert certificate
hi def link smtpdconfCaOption smtpdconfOption

syn region smtpdconfInCiphers matchgroup=smtpdconfHead start=/^\s*ciphers\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy

syn region smtpdconfInCurve matchgroup=smtpdconfHead start=/^\s*curve\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy

syn region smtpdconfInDkimSign matchgroup=smtpdconfHead start=/^\s*dkim-sign\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern,smtpdconfDkimSignOption
syn keyword smtpdconfDkimSignOption contained key
hi def link smtpdconfDkimSignOption smtpdconfOption

syn region smtpdconfInEnqueuer matchgroup=smtpdconfHead start=/^\s*enqueuer\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy,smtpdconfEnqueuerOption
syn keyword smtpdconfEnqueuerOption contained filter
hi def link smtpdconfEnqueuerOption smtpdconfOption

syn region smtpdconfInExpire matchgroup=smtpdconfHead start=/^\s*expire\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy

syn region smtpdconfInFilter matchgroup=smtpdconfHead start=/^\s*filter\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedBoth,smtpdconfFilterOption,smtpdconfFilterValue
syn keyword smtpdconfFilterOption contained auth bypass chain chroot disconnect fcrdns group helo junk mail-from match phase
      \ proc proc-exec rcpt-to rdns regex reject report rewrite src user
hi def link smtpdconfFilterOption smtpdconfOption
syn keyword smtpdconfFilterValue contained commit connect data ehlo
hi def link smtpdconfFilterValue smtpdconfValue

syn region smtpdconfInFilterchain matchgroup=smtpdconfHead start=/^\s*filterchain\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy

syn region smtpdconfInInclude matchgroup=smtpdconfHead start=/^\s*include\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedBoth

syn region smtpdconfInLimit matchgroup=smtpdconfHead start=/^\s*limit\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy,smtpdconfLimitOption
syn keyword smtpdconfLimitOption contained domain for inet4 inet6 mda mta scheduler session
hi def link smtpdconfLimitOption smtpdconfOption

syn region smtpdconfInListen matchgroup=smtpdconfHead start=/^\s*listen\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedBoth,smtpdconfListenOption,smtpdconfListenValue
syn keyword smtpdconfListenOption contained auth auth-optional bare-lf ca certificate ciphers dsn-notify dsn-ret filter
      \ hostname hostnames inet4 inet6 lmtp mask-source mask-src masquerade no-chunking
      \ no-dsn on pki port protocols proxy-v1 proxy-v2 received-auth secure senders
      \ smtps ssl tag tls tls-require xclient
hi def link smtpdconfListenOption smtpdconfOption
syn keyword smtpdconfListenValue contained disable headers smtp socket verify
hi def link smtpdconfListenValue smtpdconfValue

syn region smtpdconfInMatch matchgroup=smtpdconfHead start=/^\s*match\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern,smtpdconfMatchOption,smtpdconfMatchValue
syn keyword smtpdconfMatchOption contained action auth domain for from helo mail-from rcpt-to rdns regex reject src tag tls
hi def link smtpdconfMatchOption smtpdconfOption
syn keyword smtpdconfMatchValue contained any local socket
hi def link smtpdconfMatchValue smtpdconfValue

syn region smtpdconfInMaxMessageSize matchgroup=smtpdconfHead start=/^\s*max-message-size\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy

syn region smtpdconfInMaxMtaDeferred matchgroup=smtpdconfHead start=/^\s*max-mta-deferred\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy

syn region smtpdconfInMda matchgroup=smtpdconfHead start=/^\s*mda\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern,smtpdconfMdaOption
syn keyword smtpdconfMdaOption contained domain for limit on retry-after wrapper
hi def link smtpdconfMdaOption smtpdconfOption

syn region smtpdconfInMta matchgroup=smtpdconfHead start=/^\s*mta\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern,smtpdconfMtaOption
syn keyword smtpdconfMtaOption contained domain for inet4 inet6 limit max-deferred on retry-after trust-resolver
hi def link smtpdconfMtaOption smtpdconfOption

syn region smtpdconfInOauthIssuer matchgroup=smtpdconfHead start=/^\s*oauth-issuer\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern,smtpdconfOauthIssuerOption
syn keyword smtpdconfOauthIssuerOption contained for key user
hi def link smtpdconfOauthIssuerOption smtpdconfOption

syn region smtpdconfInPki matchgroup=smtpdconfHead start=/^\s*pki\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedBoth,smtpdconfPkiOption
syn keyword smtpdconfPkiOption contained ca cert certificate dhe dhparams key
hi def link smtpdconfPkiOption smtpdconfOption

syn region smtpdconfInProc matchgroup=smtpdconfHead start=/^\s*proc\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern,smtpdconfProcOption
syn keyword smtpdconfProcOption contained chroot group user
hi def link smtpdconfProcOption smtpdconfOption

syn region smtpdconfInQueue matchgroup=smtpdconfHead start=/^\s*queue\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedBoth,smtpdconfQueueOption
syn keyword smtpdconfQueueOption contained backup compression encryption key ttl
hi def link smtpdconfQueueOption smtpdconfOption

syn region smtpdconfInReject matchgroup=smtpdconfHead start=/^\s*reject\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy,smtpdconfRejectOption,smtpdconfRejectValue
syn keyword smtpdconfRejectOption contained alias authenticated domain for from recipient sender source tagged userbase
      \ virtual
hi def link smtpdconfRejectOption smtpdconfOption
syn keyword smtpdconfRejectValue contained any local
hi def link smtpdconfRejectValue smtpdconfValue

syn region smtpdconfInScheduler matchgroup=smtpdconfHead start=/^\s*scheduler\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern,smtpdconfSchedulerOption
syn keyword smtpdconfSchedulerOption contained limit
hi def link smtpdconfSchedulerOption smtpdconfOption

syn region smtpdconfInSmtp matchgroup=smtpdconfHead start=/^\s*smtp\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern,smtpdconfSmtpOption
syn keyword smtpdconfSmtpOption contained ciphers limit max-message-size sub-addr-delim
hi def link smtpdconfSmtpOption smtpdconfOption

syn region smtpdconfInSrs matchgroup=smtpdconfHead start=/^\s*srs\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedModern,smtpdconfSrsOption
syn keyword smtpdconfSrsOption contained backup key ttl
hi def link smtpdconfSrsOption smtpdconfOption

syn region smtpdconfInSubaddressingDelimiter matchgroup=smtpdconfHead start=/^\s*subaddressing-delimiter\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedLegacy

syn region smtpdconfInTable matchgroup=smtpdconfHead start=/^\s*table\>/ skip=/\\$/ end=/$/ contains=@smtpdconfToken,smtpdconfReservedBoth

" Also on a line of its own.
syn keyword smtpdconfTodo contained TODO FIXME XXX
syn match smtpdconfComment /#\%([^\\]\|\\\_.\|\\\%$\)*/ contains=@Spell,smtpdconfTodo

hi def link smtpdconfHead Statement
hi def link smtpdconfOption Type
hi def link smtpdconfValue Constant
hi def link smtpdconfString String
hi def link smtpdconfEscape SpecialChar
hi def link smtpdconfComment Comment
hi def link smtpdconfTodo Todo
hi def link smtpdconfMacro Identifier
hi def link smtpdconfMacroName Identifier
hi def link smtpdconfTableName Special
hi def link smtpdconfNumber Number
hi def link smtpdconfNegation Operator
hi def link smtpdconfOperator Operator
hi def link smtpdconfBrace Delimiter
hi def link smtpdconfReservedModern Error
hi def link smtpdconfReservedLegacy Error
hi def link smtpdconfReservedBoth Error

let b:current_syntax = 'smtpdconf'

let &cpoptions = s:cpo_save
unlet s:cpo_save
