" Vim filetype plugin
" Language: smtpd.conf(5)
" Made by `smtpdsl highlight vim` from smtpdsl/grammar.lark; change that, or the template.

if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal comments=:#
setlocal commentstring=#\ %s
setlocal formatoptions-=t formatoptions+=croql
" Options such as tls-require are one word to `w` and `*`.
setlocal iskeyword+=-

let b:undo_ftplugin = 'setlocal comments< commentstring< formatoptions< iskeyword<'
