// A Bluesky of our own: PLC, PDS, AppView from npm's @atproto/dev-env. Prints its addresses as one line of JSON; ends with stdin.
// PDS_RATE_LIMITS=1 turns the PDS's own rate limits on.
const { TestNetwork } = require('@atproto/dev-env')

async function main() {
  const network = await TestNetwork.create({
    dbPostgresSchema: 'qulaq',
    pds: process.env.PDS_RATE_LIMITS ? { rateLimitsEnabled: true } : {},
  })
  process.stdout.write(JSON.stringify({ pds: network.pds.url, appview: network.bsky.url }) + '\n')
  process.stdin.on('end', () => network.close().finally(() => process.exit(0)))
  process.stdin.resume()
}
main().catch((e) => { console.error(e); process.exit(1) })
