" Write what Vim makes of each file that is named in $FILES, one a line, to $FOUND as JSON: its file type, and for each
" line the syntax groups of its characters.

set encoding=utf-8 nomodeline noswapfile
filetype plugin indent on
syntax on

let s:found = {}
for s:file in readfile($FILES)
  execute 'silent edit' fnameescape(s:file)
  let s:filetype = &filetype
  if &filetype !=# 'smtpdconf'
    set filetype=smtpdconf
  endif
  let s:lines = []
  for s:number in range(1, line('$'))
    let s:columns = range(1, strlen(getline(s:number)))
    call add(s:lines, map(s:columns, 'synIDattr(synID(s:number, v:val, 1), "name")'))
  endfor
  let s:found[s:file] = {'detected': s:filetype, 'lines': s:lines}
endfor
call writefile([json_encode(s:found)], $FOUND)
qall!
