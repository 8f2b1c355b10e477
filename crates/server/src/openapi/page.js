// Shows openapi.json to people. Text is only ever set as text: nothing in the document becomes markup.
'use strict'

const make = (tag, text, ...children) => {
  const element = document.createElement(tag)
  if (text) element.textContent = text
  element.append(...children)
  return element
}

const resolve = (root, schema) =>
  schema && schema.$ref ? schema.$ref.slice(2).split('/').reduce((at, name) => at?.[name], root) : schema

/** A schema as an example of itself, a few levels deep. */
const example = (root, schema, depth = 0) => {
  schema = resolve(root, schema)
  if (!schema || depth > 6) return '…'
  if (schema.example !== undefined) return schema.example
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum.join(' | ')
  for (const kind of ['allOf', 'anyOf', 'oneOf']) if (schema[kind]) return example(root, schema[kind][0], depth + 1)
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== 'null') : schema.type
  if (type === 'array') return [example(root, schema.items, depth + 1)]
  if (type === 'object' || schema.properties) {
    const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => [name, example(root, field, depth + 1)])
    return Object.fromEntries(fields)
  }
  return schema.format ? `${type} (${schema.format})` : (type ?? 'any')
}

const bodies = (root, content) =>
  Object.entries(content ?? {}).map(([type, body]) =>
    make('div', '', make('code', type), make('pre', JSON.stringify(example(root, body.schema), null, 2))))

const table = (root, parameters) => {
  const rows = parameters.map((parameter) => {
    const found = resolve(root, parameter)
    const name = make('td', '', make('code', found.name))
    return make('tr', '', name, make('td', found.in + (found.required ? ', required' : '')), make('td', found.description ?? ''))
  })
  return make('table', '', ...rows)
}

const operation = (root, path, method, told) => {
  const head = make('summary', '', make('span', method.toUpperCase()), make('code', path))
  head.firstChild.className = 'method'
  if (told.security?.length) {
    const mark = make('span', 'token')
    mark.className = 'token'
    head.append(mark)
  }
  const details = make('details', '', head)
  details.dataset.text = `${method} ${path} ${told.summary ?? ''} ${told.description ?? ''}`.toLowerCase()
  if (told.summary) details.append(make('p', told.summary))
  if (told.description && told.description !== told.summary) details.append(make('p', told.description))
  if (told.parameters?.length) details.append(make('h3', 'Parameters'), table(root, told.parameters))
  if (told.requestBody) details.append(make('h3', 'Body'), ...bodies(root, resolve(root, told.requestBody).content))
  for (const [status, answer] of Object.entries(told.responses ?? {})) {
    const found = resolve(root, answer)
    details.append(make('h3', `${status} ${found.description ?? ''}`), ...bodies(root, found.content))
  }
  return details
}

const show = (root) => {
  document.getElementById('version').textContent = root.info.version
  const tags = new Map()
  for (const [path, item] of Object.entries(root.paths)) {
    for (const method of ['get', 'post', 'put', 'delete']) {
      if (!item[method]) continue
      const tag = item[method].tags?.[0] ?? ''
      tags.set(tag, [...(tags.get(tag) ?? []), operation(root, path, method, item[method])])
    }
  }
  const sections = [...tags].map(([tag, operations]) => make('section', '', make('h2', tag), ...operations))
  document.getElementById('routes').replaceChildren(...sections)
}

document.getElementById('filter').addEventListener('input', (event) => {
  const wanted = event.target.value.toLowerCase()
  for (const one of document.querySelectorAll('details')) one.hidden = !one.dataset.text.includes(wanted)
})

// The page may be called with a slash at its end.
fetch(new URL('openapi.json', new URL(location.pathname.replace(/\/docs\/?$/i, '/'), location.origin)))
  .then((answer) => answer.json())
  .then(show)
  .catch((why) => document.getElementById('routes').replaceChildren(make('p', `openapi.json cannot be read: ${why}`)))
