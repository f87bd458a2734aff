// Reads a response as a page does that uses the AI SDK. On stdin: {status, headers, pieces}, the
// pieces of the body in base64. On stdout: {chunks, message, states, errors}, the message as it is in
// the end, and how many states of it a page would have drawn.
import { text } from "node:stream/consumers";
import { DefaultChatTransport, readUIMessageStream } from "ai";

const { status, headers, pieces } = JSON.parse(await text(process.stdin));
const asked = [];

const transport = new DefaultChatTransport({
  api: "https://api.example.test/api/v2/agents/support/chat",
  fetch: async (url, init) => {
    asked.push(init.method);
    const body = new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(Buffer.from(piece, "base64"));
        controller.close();
      },
    });
    return new Response(body, { status, headers });
  },
});

const errors = [];
const chunks = [];
let message = null;
let states = 0;
try {
  const stream = await transport.sendMessages({
    trigger: "submit-message",
    chatId: "chat",
    messages: [{ id: "u", role: "user", parts: [{ type: "text", text: "Hello" }] }],
  });
  const [one, other] = stream.tee();
  const keeping = (async () => {
    for await (const chunk of one) chunks.push(chunk);
  })();
  const onError = (error) => errors.push(error.message);
  for await (const state of readUIMessageStream({ stream: other, onError })) {
    message = structuredClone(state);
    states += 1;
  }
  await keeping;
} catch (error) {
  errors.push(error.message);
}
process.stdout.write(JSON.stringify({ asked, chunks, message, states, errors }));
