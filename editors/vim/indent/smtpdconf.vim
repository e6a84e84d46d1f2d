" Vim indent file
" Language: smtpd.conf(5)
" Made by `smtpdsl highlight vim` from smtpdsl/grammar.lark; change that, or the template.

if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal indentexpr=SmtpdconfIndent(v:lnum)
setlocal indentkeys=0},o,O,!^F
setlocal nosmartindent
let b:undo_indent = 'setlocal indentexpr< indentkeys< smartindent<'

if exists('*SmtpdconfIndent')
  finish
endif

" Whether the statement of a line goes on in the next one.
function! s:IsContinued(lnum) abort
  return getline(a:lnum) =~# '\\$'
endfunction

" Braces and continued lines are one step in.
function! SmtpdconfIndent(lnum) abort
  let l:previous = prevnonblank(a:lnum - 1)
  if l:previous == 0
    return 0
  endif
  let l:steps = getline(l:previous) =~# '{\s*\%(#.*\)\=$'
  let l:steps -= getline(a:lnum) =~# '^\s*}'
  let l:steps += s:IsContinued(l:previous) - s:IsContinued(l:previous - 1)
  return indent(l:previous) + l:steps * shiftwidth()
endfunction
