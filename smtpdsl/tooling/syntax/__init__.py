"""The syntax of the language for people: forms of statements, made from `grammar.lark`."""
