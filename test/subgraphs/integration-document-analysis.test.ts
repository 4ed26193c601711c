import { currentGraph } from '@bridgework/integration';
import { readContract } from '@bridgework/kernel/contract-files';
import { DOCUMENT_LIMITS, examineDocument } from '@bridgework/schema';
import { describe, expect, test } from 'vitest';

const analysisOf = (text: string) => {
  const examination = examineDocument(currentGraph(), text);
  if (examination.kind === 'invalid') throw new Error(JSON.stringify(examination.faults));
  return examination.analysis;
};
const faultsOf = (text: string) => {
  const examination = examineDocument(currentGraph(), text);
  return examination.kind === 'invalid' ? examination.faults : [];
};

describe('a document', () => {
  test('is measured: scopes, classes of personal data, subgraphs, coordinates, cost', () => {
    const analysis = analysisOf(
      'query Names($first: Int!) { appointments(first: $first) { edges { node { id startsAt patient { displayName } importedBy { name } } } } }',
    );
    expect(analysis).toMatchObject({
      name: 'Names',
      operation: 'query',
      scopes: [['read:appointments', 'read:patients']],
      manager: false,
      personalData: true,
      piiClasses: ['identity'],
      subgraphs: ['appointment', 'integration'],
      depth: 5,
      rootFields: 1,
    });
    expect(analysis.coordinates).toContain('Patient.displayName');
    // The connection, and of each of a hundred rows the appointment, the patient and who imported it.
    expect(analysis.worstCost).toBe(301);
    expect(analysis.worstListSize).toBe(100);
  });

  test('of the example partner crosses all four subgraphs', () => {
    const analysis = analysisOf(readContract('operations/examples/day-sheet.graphql'));
    expect(analysis.subgraphs).toEqual(['appointment', 'billing', 'integration', 'inventory']);
    // A full page of it fits one request.
    expect(analysis.worstCost).toBeGreaterThan(500);
    expect(analysis.worstCost).toBeLessThanOrEqual(DOCUMENT_LIMITS.cost);
  });

  test('that does not fit the graph is told line, column and coordinate', () => {
    expect(faultsOf('query Broken {\n  me {\n    nme\n  }\n}')).toMatchObject([
      { line: 3, column: 5, coordinate: 'Me.nme', message: expect.stringContaining('Cannot query field "nme"') },
    ]);
    expect(faultsOf('query Broken {\n  me {')).toMatchObject([{ line: 2, coordinate: null }]);
  });

  test('sees nothing of federation and nothing inaccessible', () => {
    expect(faultsOf('query Q { _service { sdl } }')).toMatchObject([{ coordinate: 'Query._service' }]);
    expect(faultsOf('query Q { appointment(id: "x") { importedByIntegrationId } }')).toHaveLength(1);
    expect(faultsOf('query Q { __schema { types { name } } }').length).toBeGreaterThan(0);
  });

  test('holds one named operation', () => {
    const message = (text: string) => faultsOf(text)[0]?.message;
    expect(message('{ me { name } }')).toContain('needs a name');
    expect(message('query A { me { name } } query B { me { name } }')).toContain('exactly one operation');
    expect(message('fragment F on Me { name }')).toContain('no operation');
    expect(message('subscription S { me { name } }')).toContain('webhooks');
  });

  test('is refused when it is too deep, too wide, or too costly whatever its variables', () => {
    const aliases = Array.from({ length: 31 }, (_, at) => `a${at}: name`).join(' ');
    expect(faultsOf(`query Q { me { ${aliases} } }`)).toMatchObject([{ message: expect.stringContaining('aliases') }]);
    const roots = Array.from({ length: 11 }, (_, at) => `a${at}: me { name }`).join(' ');
    expect(faultsOf(`query Q { ${roots} }`)).toMatchObject([{ message: expect.stringContaining('root fields') }]);
    const nested =
      'appointments(first: 100) { edges { node { patient { invoices(first: 100) { edges { node { id } } } } } } }';
    expect(faultsOf(`query Q { ${nested} }`)).toMatchObject([{ message: expect.stringContaining('cost') }]);
  });

  test('made of fragments that double at every level is judged in an instant', () => {
    const levels = Array.from({ length: 24 }, (_, at) => `fragment F${at} on Me { ...F${at + 1} ...F${at + 1} }`);
    const text = `query Q { me { ...F0 } } ${levels.join('\n')} fragment F24 on Me { name }`;
    expect(analysisOf(text).depth).toBe(2);
  });
});
