// Activate the extension $EXTENSION in an editor that has nothing but documents, and print what it does with them.
"use strict";

const Module = require("module");

const EVIDENCE = 'action "in" maildir\n';
const documents = [
  { fileName: "/etc/mail.conf", languageId: "properties", text: EVIDENCE },
  { fileName: "/etc/other.conf", languageId: "properties", text: "a = b\n" },
  { fileName: "/etc/mail.ini", languageId: "properties", text: EVIDENCE },
  { fileName: "/etc/chosen.conf", languageId: "nginx", text: EVIDENCE },
].map((document) => ({ ...document, getText: () => document.text }));

const found = {};
const vscode = {
  workspace: { textDocuments: documents.slice(0, 2), onDidOpenTextDocument: (look) => documents.slice(2).forEach(look) },
  languages: { setTextDocumentLanguage: (document, language) => (found[document.fileName] = language) },
};
const load = Module._load;
Module._load = (name, ...rest) => (name === "vscode" ? vscode : load(name, ...rest));

const context = { subscriptions: [] };
require(process.env.EXTENSION).activate(context);
console.log(JSON.stringify({ found, subscriptions: context.subscriptions.length }));
