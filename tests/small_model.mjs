// A small language model on loopback that speaks the OpenAI protocol: node small_model.mjs GGUF
import {createServer} from "node:http";
import {getLlama, LlamaChatSession} from "node-llama-cpp";

const llama = await getLlama({gpu: false, maxThreads: 1, build: "never", logLevel: "error"});
const model = await llama.loadModel({modelPath: process.argv[2]});
const context = await model.createContext({contextSize: 2048, threads: 1});
const sequence = context.getSequence();
let last = Promise.resolve();

async function answered(asked) {
    const system = asked.messages.filter((one) => one.role === "system").map((one) => one.content);
    const user = asked.messages.filter((one) => one.role !== "system").map((one) => one.content);
    const schema = asked.response_format?.json_schema?.schema;
    await sequence.clearHistory();
    const session = new LlamaChatSession({contextSequence: sequence, systemPrompt: system.join("\n")});
    const text = user.join("\n");
    const found = await session.promptWithMeta(text, {
        grammar: schema && await llama.createGrammarForJsonSchema(schema),
        maxTokens: Math.min(asked.max_tokens ?? 128, 128),
        temperature: asked.temperature ?? 0,
        seed: asked.seed ?? 0,
    });
    session.dispose({disposeSequence: false});
    const tokens = {asked: model.tokenize(text).length, said: model.tokenize(found.responseText).length};
    return {
        id: "x", object: "chat.completion", created: 1, model: asked.model,
        choices: [{
            index: 0, finish_reason: found.stopReason === "maxTokens" ? "length" : "stop",
            message: {role: "assistant", content: found.responseText},
        }],
        usage: {
            prompt_tokens: tokens.asked, completion_tokens: tokens.said,
            total_tokens: tokens.asked + tokens.said,
        },
    };
}

const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => { body += part; });
    request.on("end", () => {
        // One after the other: there is one sequence.
        last = last.then(async () => {
            let status = 200, told;
            try {
                told = await answered(JSON.parse(body));
            } catch (problem) {
                [status, told] = [500, {error: {message: String(problem)}}];
            }
            response.writeHead(status, {"Content-Type": "application/json"});
            response.end(JSON.stringify(told));
        });
    });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
