// Write what Visual Studio Code's engine makes of each file that is named in $FILES, one a line, to $FOUND as JSON:
// whether the extension knows it, and for each line the innermost scopes of its characters.
// $ENGINE is the folder of the engine's modules, and $EXTENSION that of the extension.
"use strict";

const fs = require("fs");
const path = require("path");
const { ENGINE, EXTENSION, FILES, FOUND } = process.env;
const oniguruma = require(path.join(ENGINE, "vscode-oniguruma"));
const textmate = require(path.join(ENGINE, "vscode-textmate"));
const extension = require(EXTENSION);
const [grammar] = require(path.join(EXTENSION, "package.json")).contributes.grammars;

async function loadGrammar() {
  const wasm = fs.readFileSync(path.join(ENGINE, "vscode-oniguruma/release/onig.wasm"));
  await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.length));
  const file = path.join(EXTENSION, grammar.path);
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(fs.readFileSync(file, "utf8"), file),
  });
  return registry.loadGrammar(grammar.scopeName);
}

function scopesOf(rules, text) {
  let state = textmate.INITIAL;
  return text.split("\n").map((line) => {
    const { tokens, ruleStack } = rules.tokenizeLine(line, state);
    state = ruleStack;
    return tokens.flatMap((token) => {
      const length = Math.min(token.endIndex, line.length) - token.startIndex;
      return Array(Math.max(0, length)).fill(token.scopes[token.scopes.length - 1]);
    });
  });
}

loadGrammar().then((rules) => {
  const found = {};
  for (const file of fs.readFileSync(FILES, "utf8").trim().split("\n")) {
    const text = fs.readFileSync(file, "utf8");
    found[file] = { detected: extension.isSmtpdConf(text) ? grammar.language : "", lines: scopesOf(rules, text) };
  }
  fs.writeFileSync(FOUND, JSON.stringify(found));
});
