/**
 * Holds every document that partners can call against the graph of this checkout, before it is deployed. Reads the
 * registry that INTEGRATION_DATABASE_URL names and writes nothing. Ends with 1 when the graph breaks a document, and names
 * integration, owner, last use and reasons; without the setting there is nothing to hold against.
 */
import { readDocumentCheckConfig } from '@bridgework/kernel/config';
import { openDatabase } from '@bridgework/kernel/database';
import { findBroken, readContracts } from '../documents/break-documents.ts';
import { currentGraph } from '../graph.ts';

const { INTEGRATION_DATABASE_URL: url } = readDocumentCheckConfig();
if (url !== undefined) {
  const database = openDatabase({ url, applicationName: 'check documents', maxConnections: 1 });
  try {
    const contracts = await readContracts(database.db);
    const broken = findBroken(currentGraph(), contracts);
    for (const one of broken) {
      const owner = one.internal_owner ?? 'nobody';
      const whose = `${one.integration_name} (owner ${owner}, last used ${one.last_used_at ?? 'never'})`;
      console.error(`${one.name} of ${whose}, ${one.document_id}:`);
      for (const reason of one.reasons) console.error(`  - ${reason}`);
    }
    console.error(`${contracts.length} callable documents, ${broken.length} broken by this graph.`);
    if (broken.length > 0) process.exitCode = 1;
  } finally {
    await database.close();
  }
}
