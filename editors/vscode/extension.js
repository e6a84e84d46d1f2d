// What no pattern of file names can say: a file called *.conf is smtpd.conf if it has lines that nothing else has.
// Made by `smtpdsl highlight textmate` from smtpdsl/grammar.lark; change that, or the template.
"use strict";

const LINES = 200;
const EVIDENCE = new RegExp("^[ \\t]*(?:accept[ \\t]+(?:alias|authenticated|deliver|expire|for|forward-only|from|recipient|relay|sender|tagged|userbase|virtual)|action[ \\t]+[^ \\t\\n]+[ \\t]+(?:expand-only|forward-only|lmtp|maildir|mbox|mda|relay)|ca[ \\t]+[^ \\t\\n]+[ \\t]+(?:cert|certificate)|dkim-sign[ \\t]+[^ \\t\\n]+[ \\t]+(?:key)|enqueuer[ \\t]+(?:filter)|filter[ \\t]+[^ \\t\\n]+[ \\t]+(?:chain|phase|proc|proc-exec)|limit[ \\t]+(?:mda|mta|scheduler|session)|oauth-issuer[ \\t]+[^ \\t\\n]+[ \\t]+(?:for|key|user)|pki[ \\t]+[^ \\t\\n]+[ \\t]+(?:ca|cert|certificate|dhe|dhparams|key)|reject[ \\t]+(?:alias|authenticated|for|from|recipient|sender|tagged|userbase|virtual))");

/** Whether one of the first lines is of an smtpd.conf. */
function isSmtpdConf(text) {
  return text.split("\n", LINES).some((line) => EVIDENCE.test(line));
}

function activate(context) {
  const vscode = require("vscode");
  const look = (document) => {
    const isOpenToUs = document.languageId === "properties" || document.languageId === "plaintext";
    if (isOpenToUs && document.fileName.endsWith(".conf") && isSmtpdConf(document.getText())) {
      vscode.languages.setTextDocumentLanguage(document, "smtpdconf");
    }
  };
  vscode.workspace.textDocuments.forEach(look);
  context.subscriptions.push(vscode.workspace.onDidOpenTextDocument(look));
}

module.exports = { activate, isSmtpdConf };
