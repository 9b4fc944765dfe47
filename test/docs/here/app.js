// The application that an example of `wsgiThreads` serves.
export default (_environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']])
  return [Buffer.from('hello from a thread')]
}
