// What the hub says of a request that failed (RFC 9457), as an error.

export async function problemOf(response) {
  const problem = await response.json().catch(() => ({ title: response.statusText, detail: "" }));
  return new Error(`${problem.title}. ${problem.detail}`);
}
