// A consumer in JavaScript: each line on stdin is one call with the AWS SDK as it is; the answer is one line.
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");

const sts = new STSClient();
let turn = Promise.resolve();
require("node:readline").createInterface({ input: process.stdin }).on("line", () => {
  turn = turn.then(async () => {
    try {
      await sts.send(new GetCallerIdentityCommand());
      console.log("ok");
    } catch (e) {
      console.log("failed", `${e.name}: ${e.message}`.replaceAll("\n", " "));
    }
  });
});
